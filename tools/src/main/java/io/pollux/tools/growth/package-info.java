// SPDX-License-Identifier: GPL-2.0-only

/**
 * Whether a request costs more where there is more of something: requests in flight, devices, contexts, open files, extents. A {@link
 * io.pollux.tools.growth.Load} is such a case, ready to be run a thousand requests at a time, and {@link
 * io.pollux.tools.growth.Neighbours} holds one against another. All of them read 4 KiB through the rings, polled and with fixed buffers,
 * from null disks, where a request costs what the kernel makes of it.
 */
@NullMarked
package io.pollux.tools.growth;

import org.jspecify.annotations.NullMarked;
