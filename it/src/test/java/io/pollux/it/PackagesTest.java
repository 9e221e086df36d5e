// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * No package depends on one that depends on it, in any module; and the order of kernel-core's
 * packages is as written.
 */
@Timeout(120)
class PackagesTest {
  private static final String CORE = "io.pollux.core.";

  private static JavaClasses classes;

  @BeforeAll
  static void importClasses() {
    classes =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.pollux")
            .that(not(resideInAnyPackage("io.pollux.it..")));
    for (String module :
        new String[] {
          "uapi",
          "core",
          "block",
          "core.fixture",
          "block.fixture",
          "sample",
          "aio",
          "iomap",
          "iomap.fixture",
          "aio.fixture",
          "xfs",
          "gfs2",
          "syscalls",
          "userland",
          "testkit",
          "tools"
        }) {
      assertThat(classes.that(resideInAnyPackage("io.pollux." + module + "..")))
          .as(module)
          .isNotEmpty();
    }
  }

  @Test
  void noPackagesDependOnEachOtherInACycle() {
    slices().matching("io.pollux.(**)").should().beFreeOfCycles().check(classes);
  }

  @Test
  void mmDependsOnNoPackageAboveIt() {
    dependsOnNone("mm", "sched", "trace", "vfs", "filemap", "ramfs");
  }

  @Test
  void schedDependsOnNoPackageAboveIt() {
    dependsOnNone("sched", "trace", "vfs", "filemap", "ramfs");
  }

  @Test
  void traceDependsOnNoPackageAboveIt() {
    dependsOnNone("trace", "vfs", "filemap", "ramfs");
  }

  @Test
  void vfsDependsOnNoPackageAboveIt() {
    dependsOnNone("vfs", "filemap", "ramfs");
  }

  @Test
  void filemapDoesNotDependOnRamfs() {
    dependsOnNone("filemap", "ramfs");
  }

  private static void dependsOnNone(String name, String... others) {
    for (String other : others) {
      noClasses()
          .that()
          .resideInAPackage(CORE + name)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(CORE + other)
          .check(classes);
    }
  }
}
