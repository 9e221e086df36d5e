// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.syscalls.Kernel;
import io.pollux.uapi.Fcntl;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * After a power cut at any moment, all data of completed fsyncs is there. No file shows another
 * file's data, and check finds no damage. Each written sector holds the numbers of its file and its
 * write.
 */
@Timeout(600)
class FlatCrashTest {
  private static final int BYTES = 5248 << 10; // small, so that blocks are used again soon
  private static final int SECTOR = 512;
  private static final int STEPS = 12; // at most, between two cuts
  private static final int SECTORS = 3000; // written at most before a cut
  private static final int CUTS_OF_ONE_DISK = 50;

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final FlatFs type = new FlatFs();
  private final Map<String, Versions> files = new TreeMap<>();
  private int writes;
  private int made;

  /** What a file may hold after a power cut. */
  private static final class Versions {
    final int number;
    final Map<Integer, Set<Integer>> sectors = new HashMap<>(); // write numbers; 0 for zeroes
    final Map<Integer, Integer> latest = new HashMap<>();
    final Set<Integer> sizes = new HashSet<>(Set.of(0));
    int size;
    boolean promised;

    Versions(int number) {
      this.number = number;
    }

    void set(int sector, int write) {
      sectors.computeIfAbsent(sector, any -> new HashSet<>(Set.of(0))).add(write);
      latest.put(sector, write);
    }

    void resize(int bytes) {
      size = bytes;
      sizes.add(bytes);
      latest.replaceAll((sector, write) -> sector * SECTOR >= bytes ? 0 : write);
      latest.forEach((sector, write) -> sectors.get(sector).add(write));
    }

    void promise() {
      promised = true;
      sizes.retainAll(Set.of(size));
      latest.forEach((sector, write) -> sectors.put(sector, new HashSet<>(Set.of(write))));
    }
  }

  @Test
  void whatFsyncPromisedIsThereAfterAPowerCut() throws Exception {
    int cuts = Integer.getInteger("pollux.cuts", 100);
    for (int cut = 0; cut < cuts; cut += CUTS_OF_ONE_DISK) {
      CrashDisk disk = new CrashDisk(new byte[BYTES]);
      files.clear();
      try (Kernel kernel = boot(disk, true);
          Caller caller = new Caller(kernel.newProgram())) {
        for (int i = 0; i < Math.min(CUTS_OF_ONE_DISK, cuts - cut); i++) {
          disk.cutIn(1 + random.nextInt(SECTORS), random.nextLong());
          for (int step = 0; step < STEPS && !disk.isCut(); step++) {
            step(caller, disk, "/mnt/f" + random.nextInt(5));
          }
          check(new CrashDisk(disk.left()), "seed " + seed + ", cut " + (cut + i));
        }
      }
    }
  }

  private Kernel boot(CrashDisk crash, boolean fresh) throws Exception {
    Kernel kernel = Kernel.boot();
    BlockDevice disk = crash.disk();
    kernel.addDisk(disk);
    if (fresh) {
      kernel.mkfs(type, disk, "");
    } else {
      List<String> damage = new ArrayList<>();
      kernel.check(type, disk, "", damage::add);
      assertThat(damage).isEmpty();
    }
    kernel.mount("mnt", type, disk, fresh ? "rw" : "ro");
    return kernel;
  }

  private void step(Caller caller, CrashDisk disk, String name) {
    Versions file = files.get(name);
    int kind = random.nextInt(12);
    if (kind == 0 && file != null) {
      files.remove(name); // from now on the file may exist or not
      caller.unlink(name);
    } else if (kind <= 3 && file != null) {
      int size = random.nextInt(file.size / SECTOR + 1) * SECTOR;
      file.resize(size);
      caller.truncate(name, size);
    } else if (kind == 4 && file != null) {
      String to = "/mnt/f" + random.nextInt(5);
      files.remove(name); // a cut in the rename leaves either name
      files.remove(to);
      caller.rename(name, to);
      if (disk.isCut()) {
        caller.unlink(to); // so that the next file of this name is a new one
      } else {
        files.put(to, file);
      }
    } else {
      write(caller, disk, name, files.computeIfAbsent(name, any -> new Versions(++made)));
    }
  }

  private void write(Caller caller, CrashDisk disk, String name, Versions file) {
    int first = random.nextInt(400);
    int count = 1 + random.nextInt(40);
    ByteBuffer data = ByteBuffer.allocate(count * SECTOR);
    writes++;
    for (int i = 0; i < count; i++) {
      data.putInt(i * SECTOR, file.number).putInt(i * SECTOR + 4, writes);
      file.set(first + i, writes);
    }
    int direct = random.nextBoolean() ? Fcntl.O_DIRECT : 0;
    int fd = caller.open(name, Fcntl.O_RDWR | Fcntl.O_CREAT | direct);
    file.resize(Math.max(file.size, (first + count) * SECTOR));
    caller.write(fd, data.array(), (long) first * SECTOR);
    if (random.nextInt(5) == 0) {
      caller.fsync(fd);
      if (!disk.isCut()) {
        file.promise();
      }
    }
    caller.close(fd);
  }

  private void check(CrashDisk left, String what) throws Exception {
    try (Kernel kernel = boot(left, false);
        Caller caller = new Caller(kernel.newProgram())) {
      for (Map.Entry<String, Versions> each : files.entrySet()) {
        Versions file = each.getValue();
        if (!file.promised) { // the name may still belong to an unlinked file
          continue;
        }
        String where = what + ", " + each.getKey();
        assertThat(caller.exists(each.getKey())).as(where).isTrue();
        byte[] content = caller.readAll(each.getKey());
        assertThat(file.sizes).as(where + ": size").contains(content.length);
        for (int i = 0; i < content.length / SECTOR; i++) {
          int number = ByteBuffer.wrap(content).getInt(i * SECTOR);
          int write = ByteBuffer.wrap(content).getInt(i * SECTOR + 4);
          assertThat(number).as(where + ": owner of sector " + i).isIn(0, file.number);
          assertThat(write)
              .as(where + ": sector " + i)
              .isIn(file.sectors.getOrDefault(i, Set.of(0)));
        }
      }
    }
  }
}
