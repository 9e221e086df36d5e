// SPDX-License-Identifier: GPL-2.0-only

/**
 * User programs that measure I/O and verify its data: {@code pollux bench}.
 *
 * <p>{@link io.pollux.tools.bench.Bench} opens the file, starts a thread for each job, prints
 * progress once a second, and collects the result. An <em>engine</em> makes the calls: rings,
 * io_submit, or plain reads and writes. A {@link io.pollux.tools.bench.Job} chooses the I/Os and
 * checks their results. The loop allocates nothing.
 */
@NullMarked
package io.pollux.tools.bench;

import org.jspecify.annotations.NullMarked;
