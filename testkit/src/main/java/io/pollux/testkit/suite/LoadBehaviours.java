// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CHECK;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.DIRECT;
import static io.pollux.testkit.suite.Feature.FALLOCATE;
import static io.pollux.testkit.suite.Feature.POLLED;
import static io.pollux.testkit.suite.Feature.PUNCH_HOLE;
import static io.pollux.testkit.suite.Feature.REMOUNT;
import static io.pollux.testkit.suite.Feature.RENAME;
import static io.pollux.testkit.suite.Feature.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Event;
import io.pollux.testkit.EventAssert;
import io.pollux.testkit.PolluxLimit;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iocb;
import io.pollux.userland.UserRing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Compares files with arrays under a mix of operations, as fsx does. The property pollux.operations
 * sets the number of operations.
 */
abstract class LoadBehaviours extends DamageBehaviours {
  private static final int LIMIT_SECONDS = 3600;
  private static final int MAX_BYTES = 400_000;
  private static final int MAX_FILES = 5;
  private static final int BLOCK = 512;
  private static final int DEPTH = 4;

  private final Map<String, byte[]> model = new TreeMap<>();

  @Test
  @Needs(WRITE)
  @Timeout(LIMIT_SECONDS)
  @PolluxLimit(LIMIT_SECONDS)
  void filesBehaveAsArraysDo() throws Exception {
    int operations = Integer.getInteger("pollux.operations", 1000);
    boolean creates = has(CREATE) && has(ALLOCATE);
    if (!creates) {
      Sample sample = sample(MAX_BYTES);
      model.put(sample.path(), sample.content());
    }
    boolean rings = has(POLLED) && machine instanceof DiskMachine;
    List<UserRing> ring = new ArrayList<>();
    if (rings) {
      ring.add(UserRing.polled(((DiskMachine) machine).program(), DEPTH, 4 * PAGE));
    }
    for (int i = 0; i < operations; i++) {
      String name = creates ? "f" + random.nextInt(MAX_FILES) : model.keySet().iterator().next();
      if (!model.containsKey(name)) {
        fs.done(fs.fd(name, O_CREATE));
        model.put(name, new byte[0]);
      }
      int kind = random.nextInt(100);
      if (kind < 40) {
        read(name, kind % 2 == 0 && has(DIRECT));
      } else if (kind < 70) {
        write(name, kind % 2 == 0 && has(DIRECT));
      } else if (kind < 80 && rings) {
        ring(ring.getFirst(), name);
      } else if (kind < 83) {
        sync(name);
      } else if (kind < 99 && creates) {
        change(name);
      } else if (kind == 99 && has(REMOUNT) && random.nextInt(3) == 0) {
        remount();
        compareAll();
      }
    }
    compareAll();
    ring.forEach(UserRing::close);
    if (has(CHECK) && has(REMOUNT)) {
      remount();
      compareAll();
    }
  }

  private void compareAll() {
    model.forEach(
        (name, content) -> {
          int fd = fs.fd(name, O_RDONLY);
          assertContent(fd, 0, content);
          fs.done(fd);
        });
    if (has(CREATE)) {
      assertThat(fs.names("").stream().filter(name -> name.startsWith("f")))
          .containsExactlyInAnyOrderElementsOf(model.keySet());
    }
  }

  private int position(int size, int unit) {
    return size < unit ? 0 : random.nextInt(size) / unit * unit;
  }

  private int length(int unit) {
    int most = random.nextInt(4) == 0 ? 60_000 : 6000;
    return unit + random.nextInt(most) / unit * unit;
  }

  private void read(String name, boolean direct) {
    byte[] content = model.getOrDefault(name, new byte[0]);
    int unit = direct ? BLOCK : 1;
    int pos = position(content.length, unit);
    int bytes = length(unit);
    boolean larger = fileSystem.prepared() != null; // than the model
    if (larger && pos + bytes > content.length) {
      bytes = (content.length - pos) / unit * unit;
    }
    int fd = fs.fd(name, direct ? O_DIRECT : O_RDONLY);
    byte[] found = fs.load(fd, pos, bytes);
    int end = Math.min(content.length, pos + bytes);
    assertSame(
        found, Arrays.copyOfRange(content, Math.min(pos, end), end), "of " + name + " from " + pos);
    fs.done(fd);
  }

  private void write(String name, boolean direct) {
    byte[] content = model.getOrDefault(name, new byte[0]);
    boolean grows = has(ALLOCATE) && fileSystem.prepared() == null;
    int unit = direct ? BLOCK : 1;
    int pos = position(grows ? MAX_BYTES : content.length, unit);
    int bytes = length(unit);
    if (!grows) {
      bytes = Math.min(bytes, (content.length - pos) / unit * unit);
    }
    if (bytes == 0) {
      return;
    }
    byte[] written = bytes(bytes);
    int durable = random.nextInt(10) == 0 ? Fcntl.O_DSYNC : 0;
    int fd = fs.fd(name, O_RDWR | durable | (direct ? O_DIRECT : 0));
    fs.store(fd, written, pos);
    fs.done(fd);
    put(name, content, written, pos);
  }

  private void put(String name, byte[] content, byte[] written, int pos) {
    byte[] now = Arrays.copyOf(content, Math.max(content.length, pos + written.length));
    System.arraycopy(written, 0, now, pos, written.length);
    model.put(name, now);
  }

  /** Reads and writes several blocks at once, each at its own place. */
  private void ring(UserRing ring, String name) {
    byte[] content = model.getOrDefault(name, new byte[0]);
    int places = content.length / (4 * PAGE);
    int count = Math.min(DEPTH, places);
    if (count == 0) {
      return;
    }
    int first = random.nextInt(places - count + 1);
    int fd = fs.fd(name, O_RDWR | O_DIRECT);
    for (int i = 0; i < count; i++) {
      int pos = (first + i) * 4 * PAGE;
      int slot = ring.take();
      Iocb.aioData(ring.iocb(slot), pos);
      if (random.nextBoolean()) {
        byte[] written = bytes(4 * PAGE);
        Calls.put(ring.buffer(slot), written);
        ring.write(fd, pos, 4 * PAGE);
        System.arraycopy(written, 0, content, pos, written.length);
      } else {
        ring.read(fd, pos, 4 * PAGE);
      }
    }
    assertThatCall(ring.enter(0)).returns(count);
    fs.note("ring of " + count + " on " + name + " from " + first * 4 * PAGE);
    for (Event event : Event.awaitEvents(ring, count, Duration.ofSeconds(20))) {
      EventAssert.assertThatEvent(event).moved(4 * PAGE);
      assertSame(
          Calls.bytes(ring.buffer((int) event.obj()), 4 * PAGE),
          Arrays.copyOfRange(content, (int) event.data(), (int) event.data() + 4 * PAGE),
          "of " + name + " from " + event.data());
    }
    fs.done(fd);
  }

  private void sync(String name) {
    int fd = fs.fd(name, O_RDWR);
    assertOk(random.nextBoolean() ? fs.fsync(fd) : fs.sync());
    fs.done(fd);
  }

  /** Changes the size, the name, or the blocks. */
  private void change(String name) {
    byte[] content = model.getOrDefault(name, new byte[0]);
    int kind = random.nextInt(8);
    if (kind < 3) {
      int size = random.nextInt(Math.min(MAX_BYTES, content.length + 20_000));
      assertOk(fs.truncate(name, size));
      model.put(name, Arrays.copyOf(content, size));
    } else if (kind == 3) {
      assertOk(fs.unlink(name));
      model.remove(name);
    } else if (kind == 4 && has(RENAME)) {
      String to = "f" + random.nextInt(MAX_FILES);
      assertOk(fs.rename(name, to));
      model.remove(name);
      model.put(to, content);
    } else if (kind == 5 && has(FALLOCATE)) {
      reserve(name, content);
    } else if (kind == 6 && has(PUNCH_HOLE)) {
      punch(name, content);
    } else {
      append(name, content);
    }
  }

  private void reserve(String name, byte[] content) {
    int pos = random.nextInt(MAX_BYTES);
    int bytes = length(1);
    int fd = fs.fd(name, O_RDWR);
    assertOk(fs.fallocate(fd, 0, pos, bytes));
    fs.done(fd);
    model.put(name, Arrays.copyOf(content, Math.max(content.length, pos + bytes)));
  }

  private void punch(String name, byte[] content) {
    int pos = random.nextInt(content.length + 1);
    int bytes = length(1);
    int fd = fs.fd(name, O_RDWR);
    int mode = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
    assertOk(fs.fallocate(fd, mode, pos, bytes));
    fs.done(fd);
    Arrays.fill(content, pos, Math.min(content.length, pos + bytes), (byte) 0);
  }

  private void append(String name, byte[] content) {
    if (content.length > MAX_BYTES) {
      return;
    }
    byte[] written = bytes(length(1));
    int fd = fs.fd(name, O_RDWR | Fcntl.O_APPEND);
    assertThatCall(fs.write(fd, written)).returns(written.length);
    fs.done(fd);
    put(name, content, written, content.length);
  }
}
