// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Modules;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** pollux check: cross-checks a filesystem without changing it. */
@Command(
    name = "check",
    sortOptions = false,
    description = {
      "Cross-checks the filesystem of an image without changing it. Prints a line for each"
          + " contradiction.",
      "The exit status is 1 if there is one. The options of -o are those of the filesystem's check."
    })
final class CheckCommand implements Runnable {
  private final Console console;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  CheckCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    TargetSpec spec = target.spec();
    if (spec.bare()) {
      throw Failure.couldNotRun("--fs none", "there is nothing to check on a bare disk");
    }
    String what = spec.image() == null ? "the disk" : spec.image().toString();
    int[] found = new int[1];
    try (Target opened = Target.openUnmounted(spec, false, Modules.load(spec.modules()))) {
      FileSystemType type = opened.recognise();
      opened
          .kernel()
          .check(
              type,
              opened.device(),
              spec.options(),
              damage -> {
                found[0]++;
                console.print(damage.replaceAll("\\s+", " ") + "\n");
              });
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(what, String.valueOf(e.getMessage()), e);
    } finally {
      console.flush();
    }
    if (found[0] != 0) {
      throw Failure.fault(
          what, "is damaged in " + found[0] + (found[0] == 1 ? " place" : " places"));
    }
  }
}
