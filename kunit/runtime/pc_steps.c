// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases that are tables, on the functions under test as they are.
 */
#define PC_TAKE_STEPS pc_take_steps
#include "pc_steps.h"
