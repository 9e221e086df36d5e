// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Packages depend on each other in one direction. */
@Timeout(60)
class PackagesTest {
  @Test
  void noPackagesDependOnEachOtherInACycle() {
    slices()
        .matching("io.pollux.(companion..)")
        .should()
        .beFreeOfCycles()
        .check(
            new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.pollux.companion"));
  }
}
