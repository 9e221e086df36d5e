// SPDX-License-Identifier: GPL-2.0-only

/**
 * Benchmarks of whole requests and of each step of a request. {@code benchmarks/run} builds and
 * runs them.
 *
 * <p>All run with the options of bin/pollux, assertions included, on null disks, so the device
 * costs nothing. Results are nanoseconds for one request or one step.
 */
package io.pollux.benchmarks;
