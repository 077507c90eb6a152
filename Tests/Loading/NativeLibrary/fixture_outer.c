/* SPDX-License-Identifier: MIT */
int fixture_inner(void);

int fixture_answer(void)
{
    return fixture_inner();
}
