// SPDX-License-Identifier: GPL-2.0-only

/**
 * Measures whether a request costs more with more requests in flight, devices, contexts, open files
 * or extents. A {@link io.pollux.tools.growth.Load} is such a case, ready to run a thousand
 * requests at a time. {@link io.pollux.tools.growth.Neighbours} compares two loads. All loads read
 * 4 KiB through polled rings with fixed buffers from null disks, so that only the kernel's cost is
 * measured.
 */
@NullMarked
package io.pollux.tools.growth;

import org.jspecify.annotations.NullMarked;
