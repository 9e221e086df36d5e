// SPDX-License-Identifier: GPL-2.0-only
package example;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.PolluxKernel;
import org.junit.jupiter.api.Test;

class ModulePathTest {
  @Test
  void testAndKitAreInModules() {
    assertThat(ModulePathTest.class.getModule().getName()).isEqualTo("example");
    assertThat(PolluxKernel.class.getModule().getName()).isEqualTo("io.pollux.testkit");
  }
}
