// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * How long a test with a {@link PolluxKernel} may take, with its setup and cleanup. The default is
 * 30 seconds, or the seconds of the system property pollux.limit. {@code -Dpollux.limit=0} removes
 * all limits, for a debugger.
 *
 * <p>When the limit expires, the kit kills the test's programs and fails the requests of its disks
 * with EIO, so that running calls return. The test fails with one {@link AssertionError} that lists
 * the requests in flight, what the kernel holds, and the stacks of the threads.
 */
@Documented
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
public @interface PolluxLimit {
  /** The limit in seconds, positive. */
  long value();
}
