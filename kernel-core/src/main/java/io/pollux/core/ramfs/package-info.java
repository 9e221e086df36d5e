// SPDX-License-Identifier: GPL-2.0-only

/**
 * A filesystem in memory, and the root filesystem of a kernel. {@link io.pollux.core.ramfs.Ramfs}
 * describes its lock order.
 */
@NullMarked
package io.pollux.core.ramfs;

import org.jspecify.annotations.NullMarked;
