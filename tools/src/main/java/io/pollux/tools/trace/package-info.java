// SPDX-License-Identifier: GPL-2.0-only

/**
 * Records the events of the kernel's trace points, and writes them: {@code pollux trace}. {@link
 * io.pollux.tools.trace.TraceRun} records and writes a run, {@link io.pollux.tools.trace.Stepper}
 * stops at each point of one request.
 */
@NullMarked
package io.pollux.tools.trace;

import org.jspecify.annotations.NullMarked;
