// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Boots a kernel for each test, with the disks of {@link Disk} and the filesystems of {@link
 * Mount}. On a class it applies to all tests of the class. A method with this annotation is a test
 * and needs no {@link Test}.
 *
 * <p>It registers a {@link PolluxKernel}, which lists the parameters that a test may have.
 */
@Documented
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
@Test
@ExtendWith(PolluxKernel.class)
public @interface PolluxTest {}
