// SPDX-License-Identifier: GPL-2.0-only
package example;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Prints how long one kernel takes that boots, mounts the sample, reads a block and closes. */
@Timeout(300)
class KernelTimeTest {
  private static final int RUNS = 200;
  private static final int BYTES = 4096;

  @Test
  void printsTheMedian() throws ErrnoException {
    long[] nanos = new long[RUNS];
    for (int i = 0; i < RUNS; i++) {
      long start = System.nanoTime();
      try (TestKernel kernel = TestKernel.boot()) {
        kernel.addDisk("sample0", TestDisk.sample());
        kernel.mount("mnt", "sample0");
        readFirstBlock(kernel.newProgram());
      }
      nanos[i] = System.nanoTime() - start;
    }
    Arrays.sort(nanos);
    double millis = (nanos[RUNS / 2 - 1] + nanos[RUNS / 2]) / 2e6;
    System.out.printf(
        Locale.ROOT, "boot, mount, read and close: median of %d is %.1f ms%n", RUNS, millis);
  }

  private static void readFirstBlock(Program program) {
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, BYTES)) {
      int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), BYTES, 0)).returns(BYTES);
      assertThat(SamplePattern.verify(memory.address(), BYTES, 0)).isEqualTo(-1);
    }
  }
}
