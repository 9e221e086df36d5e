// SPDX-License-Identifier: GPL-2.0-only

/**
 * Trace points: the places of the I/O path where a listener sees a request. They have the names and
 * the fields of Linux's trace events where Linux has one.
 *
 * <p>A point is off until a {@link io.pollux.core.trace.TraceListener} is added, which needs {@code
 * -Dpollux.trace=true}. {@link io.pollux.core.trace.Trace#on} is a constant for the compiler. So a
 * point that is off costs nothing: it reads no field, gives no identity and allocates nothing.
 *
 * <p><b>Identity.</b> Each request gets a number when it is submitted: the iocb of aio, or the
 * kiocb of a synchronous call. Its direct I/O, its bios and their requests carry that number. A bio
 * that no direct I/O submitted, such as one of the page cache or of a filesystem's own blocks, has
 * the number 0. A number is not used again.
 *
 * <p>{@link io.pollux.core.trace.JfrTrace} is a listener that writes Flight Recorder events.
 */
@NullMarked
package io.pollux.core.trace;

import org.jspecify.annotations.NullMarked;
