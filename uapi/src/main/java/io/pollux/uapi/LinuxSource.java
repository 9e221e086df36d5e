// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Names the C file and the functions, structures or constants whose Java counterpart this is. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.CONSTRUCTOR})
public @interface LinuxSource {
  /** The file in the kernel tree, such as {@code fs/aio.c}. */
  String file();

  /** The C names; empty for the whole file. */
  String[] name() default {};
}
