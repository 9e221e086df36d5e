// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Names the patches of the series (1 to 26) that brought or changed what this element mirrors. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.CONSTRUCTOR})
public @interface Patch {
  /**
   * The numbers of the patches, in the order of the series.
   *
   * @return numbers from 1 to 26
   */
  int[] value();
}
