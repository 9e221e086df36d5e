// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Names the patches of the series that added or changed the C counterpart of this element. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.CONSTRUCTOR})
public @interface Patch {
  /** The numbers of the patches in the series, from 1 to 26. */
  int[] value();
}
