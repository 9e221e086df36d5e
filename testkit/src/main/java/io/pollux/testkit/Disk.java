// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A disk of the kernel under test. On a class, each of its tests has the disk; on a method, one
 * test. On a parameter, {@code @Disk("held0")} injects a disk that the test has: its {@link
 * TestDisk}, its block device, or its driver.
 */
@Documented
@Inherited
@Repeatable(Disk.Disks.class)
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.PARAMETER, ElementType.ANNOTATION_TYPE})
public @interface Disk {
  /** The kinds of disks, each with its default name. */
  enum Kind {
    /** Zeroes in memory: {@link TestDisk#ram}. */
    RAM("ram0"),
    /** Transfers no data: {@link TestDisk#nothing}. */
    NOTHING("null0"),
    /** Holds its requests: {@link TestDisk#held}. */
    HELD("held0"),
    /** Fails according to a plan: {@link TestDisk#faulty}. */
    FAULTY("fault0"),
    /**
     * The sample, read-only: {@link TestDisk#sample}; with a plan {@link TestDisk#faultySample}.
     */
    SAMPLE(PolluxKernel.SAMPLE_DISK);

    private final String defaultName;

    Kind(String defaultName) {
      this.defaultName = defaultName;
    }

    /** Returns the name of a disk without an explicit name. */
    public String defaultName() {
      return defaultName;
    }
  }

  /** The name; short for {@link #name}. */
  String value() default "";

  /** The name: programs open the disk as /dev/NAME. The default depends on the kind. */
  String name() default "";

  /** The kind of disk. */
  Kind kind() default Kind.RAM;

  /** Size in bytes; the sample has its own. */
  long size() default 1 << 20;

  /** The faults, in the syntax of FaultPlan.parse. */
  String plan() default "";

  /** Holds several disks; the compiler adds it. */
  @Documented
  @Inherited
  @Retention(RetentionPolicy.RUNTIME)
  @Target({
    ElementType.TYPE,
    ElementType.METHOD,
    ElementType.PARAMETER,
    ElementType.ANNOTATION_TYPE
  })
  @interface Disks {
    /** The disks. */
    Disk[] value();
  }
}
