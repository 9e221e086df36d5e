// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Injects the seed of a test: a parameter of type long gets the seed, one of type {@link
 * java.util.Random} gets a generator with that seed. All parameters of a test get the same seed.
 *
 * <p>The seed is new for each test. A failure of the test has it among its suppressed exceptions.
 * {@code -Dpollux.seed=N} replays a failure, and so does {@code @PolluxSeed(N)}.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.PARAMETER)
public @interface PolluxSeed {
  /** The seed to replay; 0 for a new one. The system property pollux.seed has precedence. */
  long value() default 0;
}
