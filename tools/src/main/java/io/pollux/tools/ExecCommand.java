// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.exec.Launch;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.trace.TraceOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux exec: runs an unmodified C program on this kernel. */
@Command(
    name = "exec",
    sortOptions = false,
    customSynopsis = "pollux exec [OPTIONS] -- PROGRAM ARGS...",
    description = {
      "Runs an unmodified C program. This kernel executes its file and aio calls below a mount"
          + " point.",
      "The program must be linked dynamically. Its exit status is returned."
    })
final class ExecCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--at",
      paramLabel = "PATH",
      description =
          "Where the program sees the image; disks are PATH/dev/NAME. Default: ${DEFAULT-VALUE}.")
  private String at = "/pollux";

  @Option(
      names = "--shared",
      description =
          "One kernel in a process of its own, for the program and the processes that it starts."
              + " aio requests then run inside io_submit.")
  private boolean shared;

  @Parameters(
      paramLabel = "PROGRAM ARGS",
      arity = "1..*",
      description = "After --: the program and its arguments.")
  private final List<String> command = new ArrayList<>();

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  private @Nullable TraceOptions trace;

  ExecCommand(Console console) {
    this.console = console;
  }

  /** Makes the kernel in the program record events. */
  void traced(TraceOptions options) {
    trace = options;
  }

  @Override
  public Integer call() {
    TargetSpec spec = target.spec();
    if (spec.file() != null) {
      throw Failure.couldNotRun(
          "--file", "means nothing to exec: the program's arguments name its files");
    }
    Target.check(spec, !spec.readOnly());
    Launch launch = new Launch(spec, at, shared, trace);
    console.flush();
    throw launch.become(command);
  }
}
