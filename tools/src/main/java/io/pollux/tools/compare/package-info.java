// SPDX-License-Identifier: GPL-2.0-only

/**
 * All that is aimed at, in one run: {@code pollux compare}. Work on this kernel is held against the same on the machine's own, against other
 * work on this kernel, or against a number. Both sides take turns, so that whatever else the machine does meets both, and what is printed is
 * the median of each with its spread.
 */
@NullMarked
package io.pollux.tools.compare;

import org.jspecify.annotations.NullMarked;
