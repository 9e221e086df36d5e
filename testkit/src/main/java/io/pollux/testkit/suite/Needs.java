// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The features without which a behaviour is skipped. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
@interface Needs {
  /** The features. */
  Feature[] value();

  /** Whether a machine is started before the behaviour. Otherwise it starts its own. */
  boolean machine() default true;
}
