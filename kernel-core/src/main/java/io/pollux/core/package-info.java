// SPDX-License-Identifier: GPL-2.0-only

/**
 * What belongs to no single part of the core: how an error outside the I/O path is told, and how a failure of the kernel itself is
 * reported ({@link io.pollux.core.Oops}).
 */
@NullMarked
package io.pollux.core;

import org.jspecify.annotations.NullMarked;
