// SPDX-License-Identifier: GPL-2.0-only

/**
 * The bench: user programs that do I/O as fast as they can and check what they get.
 *
 * <p>{@link io.pollux.tools.bench.Bench} opens the file, starts a thread for each job, says once a second how it
 * goes, and gathers the result. What a thread does has two halves. An <em>engine</em> knows a way to call the
 * kernel: rings, io_submit, or plain reads and writes. A {@link io.pollux.tools.bench.Job} knows what to do next,
 * and judges what has been done. Nothing is allocated once the loop runs.
 */
@NullMarked
package io.pollux.tools.bench;

import org.jspecify.annotations.NullMarked;
