// SPDX-License-Identifier: GPL-2.0-only

/**
 * Measures all performance goals in one run: {@code pollux compare}. Work on this kernel is
 * compared with the same work on the host's kernel, with other work on this kernel, or with a
 * number. Both sides take turns, so that other load on the host affects both. The result is the
 * median of each side with its range.
 */
@NullMarked
package io.pollux.tools.compare;

import org.jspecify.annotations.NullMarked;
