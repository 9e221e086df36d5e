// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.syscalls.Program;
import io.pollux.testkit.PolluxKernel;
import io.pollux.uapi.Patch;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The sample, whole, through system calls only, as Linux reads it. */
@Patch({5, 23, 26})
class SampleReadTest {
  @RegisterExtension final PolluxKernel pollux = PolluxKernel.withSample();

  private LinuxView linux = new LinuxView(Map.of(), Map.of(), List.of());

  @BeforeEach
  void readWhatLinuxSays() throws IOException {
    linux = LinuxView.read(Repository.sample());
    assertThat(linux.names()).hasSizeGreaterThan(3000);
    assertThat(linux.sums()).hasSizeGreaterThan(40);
    assertThat(linux.probes()).hasSize(10);
  }

  @ParameterizedTest
  @EnumSource
  void everyFileReadsAsLinuxReadsIt(FileRead how) {
    Program program = pollux.kernel().newProgram();
    try (ImageReader reader = new ImageReader(program, linux)) {
      reader.checkSums(how);
    }
    pollux.kernel().assertNothingHeld();
  }

  @Test
  void rangesOfTheFileThatIsTooLongReadAsLinuxReadsThem(Program program) {
    try (ImageReader reader = new ImageReader(program, linux)) {
      reader.checkProbes();
    }
  }

  @Test
  void everyNameIsWhatLinuxSaysItIs(Program program) {
    try (ImageReader reader = new ImageReader(program, linux)) {
      reader.checkStatus();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {64 << 10, 1000, 280})
  void everyDirectoryHasItsNamesOnce(int room) {
    try (ImageReader reader = new ImageReader(pollux.kernel().newProgram(), linux)) {
      reader.checkDirectories(room);
    }
    pollux.kernel().assertNothingHeld();
  }
}
