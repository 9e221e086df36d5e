// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Mounts a disk of the kernel under test read-only, before the test. */
@Documented
@Inherited
@Repeatable(Mount.Mounts.class)
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
public @interface Mount {
  /** A directory in the root, created if missing: "mnt" for /mnt. */
  String at() default PolluxKernel.SAMPLE_MOUNT;

  /** Name of a disk with a filesystem. */
  String disk() default PolluxKernel.SAMPLE_DISK;

  /** Holds several mounts; the compiler adds it. */
  @Documented
  @Inherited
  @Retention(RetentionPolicy.RUNTIME)
  @Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
  @interface Mounts {
    /** The mounts. */
    Mount[] value();
  }
}
