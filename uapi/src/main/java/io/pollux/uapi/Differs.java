// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Records that this element differs from the series as posted. The build generates
 * docs/differences.md from these annotations, and fails if a row names a test that does not exist.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.CONSTRUCTOR})
@Repeatable(Differs.All.class)
public @interface Differs {
  /** The reason for a difference. */
  enum Kind {
    /** The posting leaves the behaviour open, or this kernel chooses another one. */
    OURS,
    /** The posting has a bug here. */
    FIXES,
    /** The posting does more; the rest makes no difference here. */
    SIMPLER,
    /** The behaviour came to Linux after the posting. */
    LATER
  }

  /**
   * The patch that the element differs from, 1 to 26; 0 for code that the series calls but does not
   * change.
   */
  int patch() default 0;

  /** The kind of difference. */
  Kind kind();

  /** What this kernel does, what the posting does, and why they differ, in one or two sentences. */
  String why();

  /** The test that fails if the difference disappears: {@code Class#method}, simple names. */
  String test();

  /** Several differences of one element. */
  @Documented
  @Retention(RetentionPolicy.RUNTIME)
  @Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.CONSTRUCTOR})
  @interface All {
    /** Two or more differences. */
    Differs[] value();
  }
}
