// SPDX-License-Identifier: GPL-2.0-only

/** Errors outside the I/O path, and failures of the kernel itself ({@link io.pollux.core.Oops}). */
@NullMarked
package io.pollux.core;

import org.jspecify.annotations.NullMarked;
