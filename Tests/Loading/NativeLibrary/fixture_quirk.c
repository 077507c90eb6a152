/* SPDX-License-Identifier: MIT */
int fixture_answer(void)
{
    return 42;
}
