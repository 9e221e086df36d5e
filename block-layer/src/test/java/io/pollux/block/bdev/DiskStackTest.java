// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Disks over disks, opened from a description. */
@Timeout(60)
final class DiskStackTest {
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();

  @BeforeEach
  void enter() {
    assertThat(current.enterKernel()).isTrue();
  }

  @AfterEach
  void leave() {
    current.leaveKernel();
    process.exit();
  }

  private DiskStack open(String description, String name) throws ErrnoException {
    return DiskStack.open(
        current,
        Providers.builtIn(),
        DiskSpec.parse(description),
        name,
        0x100,
        OptionalLong.of(1 << 20),
        false);
  }

  @Test
  void lowerDisksHaveNamesAndNumbersOfTheirOwn() throws ErrnoException {
    try (DiskStack stack = open("fault:(fault:(ram:copy-engine=1))", "ram0")) {
      List<BlockDevice> devices = stack.disks().stream().map(OpenedDisk::device).toList();
      assertThat(devices).extracting(BlockDevice::name).containsExactly("ram1", "fault0", "ram0");
      assertThat(devices).extracting(BlockDevice::dev).containsExactly(0x102L, 0x101L, 0x100L);
      assertThat(stack.lowerDevices()).containsExactly(devices.get(0), devices.get(1));
      assertThat(stack.top().device()).isSameAs(devices.get(2));
      assertThat(stack.isEmpty()).isTrue();
    }
  }

  @Test
  void onlyTheUppermostDiskCanBeClaimed() throws ErrnoException {
    try (DiskStack stack = open("fault:(fault:ram)", "disk0")) {
      BlockDevice lower = stack.lowerDevices().getFirst();
      assertThat(lower.claim(this)).isFalse();
      assertThat(stack.top().device().claim(this)).isTrue();
    }
  }

  @Test
  void aDiskWhoseDriverWasTakenOverHasNoDevice() throws ErrnoException {
    try (DiskStack stack = open("fault:ram", "disk0")) {
      assertThat(stack.disks()).hasSize(2);
      assertThat(stack.lowerDevices()).isEmpty();
    }
  }

  @Test
  void anErrorIsTheFirstOneFromBelow() {
    assertThatThrownBy(() -> open("fault:colour=red,(ram:size=3)", "disk0"))
        .isInstanceOf(ErrnoException.class)
        .hasMessage("option size: 3 is out of range, from 512 to 1152921504606846976");
    assertThatThrownBy(() -> open("fault:(fault:tape)", "disk0"))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENODEV));
  }
}
