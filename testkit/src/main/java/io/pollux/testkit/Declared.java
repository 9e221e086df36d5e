// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.block.driver.FaultPlan;
import java.lang.reflect.AnnotatedElement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/** The annotations of one test: those of its classes, from the outermost in, then its method's. */
final class Declared {
  /** The limit in seconds of a test without a {@link PolluxLimit}. */
  private static final long DEFAULT_LIMIT = 30;

  private final List<AnnotatedElement> places = new ArrayList<>();

  Declared(ExtensionContext context) {
    Class<?> each = context.getRequiredTestClass();
    places.add(each);
    while (AnnotationSupport.isAnnotated(each, Nested.class)) { // bounded by the nesting of classes
      each = each.getEnclosingClass();
      places.addFirst(each);
    }
    context.getTestMethod().ifPresent(places::add);
  }

  /** Adds the disks, then mounts. */
  void prepare(PolluxKernel.Preparation to) throws Exception {
    for (AnnotatedElement place : places) {
      for (Disk disk : AnnotationSupport.findRepeatableAnnotations(place, Disk.class)) {
        to.disk(nameOf(disk), source(disk));
      }
    }
    for (AnnotatedElement place : places) {
      for (Mount mount : AnnotationSupport.findRepeatableAnnotations(place, Mount.class)) {
        to.mount(mount.at(), mount.disk());
      }
    }
  }

  /** Returns the limit of the innermost annotation, or the default; null for no limit. */
  @Nullable Duration limit() {
    long seconds = Long.getLong("pollux.limit", DEFAULT_LIMIT);
    if (seconds <= 0) {
      return null;
    }
    for (AnnotatedElement place : places) {
      PolluxLimit limit = AnnotationSupport.findAnnotation(place, PolluxLimit.class).orElse(null);
      if (limit != null) {
        seconds = limit.value();
      }
    }
    if (seconds <= 0) {
      throw new ExtensionConfigurationException("@PolluxLimit is positive, and not " + seconds);
    }
    return Duration.ofSeconds(seconds);
  }

  /** Returns the name of a declared disk. */
  static String nameOf(Disk disk) {
    if (!disk.name().isEmpty() && !disk.value().isEmpty()) {
      throw new ExtensionConfigurationException(
          "a @Disk has two names: " + disk.value() + " and " + disk.name());
    }
    String name = disk.name() + disk.value();
    return name.isEmpty() ? disk.kind().defaultName() : name;
  }

  private static TestDisk.Source source(Disk disk) {
    boolean planned = !disk.plan().isEmpty();
    if (planned && disk.kind() != Disk.Kind.FAULTY && disk.kind() != Disk.Kind.SAMPLE) {
      throw new ExtensionConfigurationException(
          "a @Disk of the kind " + disk.kind() + " has no plan of faults: " + nameOf(disk));
    }
    return switch (disk.kind()) {
      case RAM -> TestDisk.ram(disk.size());
      case NOTHING -> TestDisk.nothing(disk.size());
      case HELD -> TestDisk.held(disk.size());
      case FAULTY -> TestDisk.faulty(disk.size(), FaultPlan.parse(disk.plan()));
      case SAMPLE ->
          planned ? TestDisk.faultySample(FaultPlan.parse(disk.plan())) : TestDisk.sample();
    };
  }
}
