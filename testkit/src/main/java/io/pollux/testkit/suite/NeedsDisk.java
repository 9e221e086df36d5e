// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The features without which a behaviour of a disk is skipped. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
@interface NeedsDisk {
  /** The features. */
  DiskFeature[] value();
}
