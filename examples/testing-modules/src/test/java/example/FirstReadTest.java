// SPDX-License-Identifier: GPL-2.0-only
package example;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.Event.awaitEvents;
import static io.pollux.testkit.EventAssert.assertThatEvent;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Disk;
import io.pollux.testkit.Event;
import io.pollux.testkit.Mount;
import io.pollux.testkit.PolluxTest;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserRing;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

@PolluxTest
@Disk(name = "sample0", kind = Disk.Kind.SAMPLE)
@Mount(at = "mnt", disk = "sample0")
class FirstReadTest {
  @Test
  void readsTheFirstBlockOfTheMainFile(UserFiles files, UserRing ring) {
    int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    int slot = ring.read(fd, 0, 4096);
    assertThatCall(ring.enter(0)).returns(1);
    Event event = awaitEvents(ring, 1, Duration.ofSeconds(5)).getFirst();
    assertThatEvent(event).hasObj(slot).moved(4096);
    byte[] start = ring.segment(slot).asSlice(0, 8).toArray(ValueLayout.JAVA_BYTE);
    assertThat(start).isEqualTo("PLUXSM01".getBytes(StandardCharsets.US_ASCII));
  }
}
