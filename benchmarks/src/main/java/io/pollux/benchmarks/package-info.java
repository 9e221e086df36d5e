// SPDX-License-Identifier: GPL-2.0-only

/**
 * What a request costs, and what each step of its way does. {@code benchmarks/run} builds and runs them.
 *
 * <p>All run with the options of bin/pollux, assertions included, and on null disks, where a request costs what the
 * kernel makes of it. A figure is nanoseconds for one request or one step.
 */
package io.pollux.benchmarks;
