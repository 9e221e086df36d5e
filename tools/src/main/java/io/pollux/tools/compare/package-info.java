// SPDX-License-Identifier: GPL-2.0-only

/**
 * The same work on this kernel and on the machine's own, side by side in one run: {@code pollux compare}. Runs take
 * turns, so that whatever else the machine does meets both, and what is printed is the median of each with its spread.
 */
@NullMarked
package io.pollux.tools.compare;

import org.jspecify.annotations.NullMarked;
