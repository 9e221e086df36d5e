// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.driver.RamDisk;
import io.pollux.syscalls.Kernel;
import io.pollux.uapi.Fcntl;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Files behave as arrays do, in direct and buffered calls and across unmounts. */
@Timeout(120)
class FlatModelTest {
  private static final int ROUNDS = 8;
  private static final int TURNS = 400;
  private static final int LARGEST = 900_000;

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final Map<String, byte[]> model = new TreeMap<>();

  @Test
  void filesBehaveAsArraysDo() throws Exception {
    FlatFs type = new FlatFs();
    try (RamDisk memory = new RamDisk(64 << 20);
        Kernel kernel = Kernel.boot()) {
      BlockDevice disk = memory.disk("ram0", 60 << 8, false);
      kernel.addDisk(disk);
      kernel.mkfs(type, disk, "");
      for (int round = 0; round < ROUNDS; round++) {
        kernel.mount("mnt", type, disk, "");
        try (Caller caller = new Caller(kernel.newProgram())) {
          for (int turn = 0; turn < TURNS; turn++) {
            step(caller, "seed " + seed + ", round " + round + ", turn " + turn);
          }
        }
        kernel.umount("mnt");
        List<String> damage = new ArrayList<>();
        kernel.check(type, disk, "", damage::add);
        assertThat(damage).as("seed " + seed).isEmpty();
      }
      assertThat(kernel.held()).isEmpty();
    }
  }

  private void step(Caller caller, String what) {
    String name = "/mnt/f" + random.nextInt(6);
    byte[] content = model.get(name);
    int kind = random.nextInt(10);
    if (kind < 5) {
      write(caller, name, content == null ? new byte[0] : content);
    } else if (content != null) {
      switch (kind) {
        case 8 -> {
          int size = random.nextInt(content.length + 5000);
          caller.truncate(name, size);
          model.put(name, Arrays.copyOf(content, size));
        }
        case 9 -> changeName(caller, name, content);
        default -> read(caller, name, content, what);
      }
    }
  }

  private void write(Caller caller, String name, byte[] content) {
    boolean direct = random.nextBoolean();
    int unit = direct ? 512 : 1;
    byte[] data = new byte[unit + random.nextInt(40_000) / unit * unit];
    random.nextBytes(data);
    int pos = random.nextInt(LARGEST) / unit * unit;
    int durable = random.nextInt(6) == 0 ? Fcntl.O_DSYNC : 0;
    int flags = Fcntl.O_RDWR | Fcntl.O_CREAT | durable | (direct ? Fcntl.O_DIRECT : 0);
    int fd = caller.open(name, flags);
    caller.write(fd, data, pos);
    if (random.nextInt(4) == 0) {
      caller.fsync(fd);
    }
    caller.close(fd);
    byte[] now = Arrays.copyOf(content, Math.max(content.length, pos + data.length));
    System.arraycopy(data, 0, now, pos, data.length);
    model.put(name, now);
  }

  private void read(Caller caller, String name, byte[] content, String what) {
    boolean direct = random.nextBoolean();
    int unit = direct ? 512 : 1;
    int pos = content.length == 0 ? 0 : random.nextInt(content.length) / unit * unit;
    int bytes = unit + random.nextInt(60_000) / unit * unit;
    int fd = caller.open(name, Fcntl.O_RDONLY | (direct ? Fcntl.O_DIRECT : 0));
    assertThat(caller.read(fd, pos, bytes))
        .as(what)
        .isEqualTo(Arrays.copyOfRange(content, pos, Math.min(pos + bytes, content.length)));
    caller.close(fd);
  }

  private void changeName(Caller caller, String name, byte[] content) {
    if (random.nextBoolean()) {
      caller.unlink(name);
      model.remove(name);
      return;
    }
    String to = "/mnt/f" + random.nextInt(6);
    caller.rename(name, to);
    model.remove(name);
    model.put(to, content);
  }
}
