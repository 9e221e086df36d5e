// SPDX-License-Identifier: GPL-2.0-only
package example;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.syscalls.Program;
import io.pollux.testkit.PolluxKernel;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

@Timeout(60)
class FirstReadTest {
  @RegisterExtension final PolluxKernel pollux = PolluxKernel.withSample();

  @Test
  void readsTheFirstBlockOfTheMainFile(Program program) {
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, 4096)) {
      int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 4096, 0)).returns(4096);
      byte[] start = memory.segment().asSlice(0, 8).toArray(ValueLayout.JAVA_BYTE);
      assertThat(start).isEqualTo("PLUXSM01".getBytes(StandardCharsets.US_ASCII));
    }
  }
}
