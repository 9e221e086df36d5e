// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.userland.header.CHeader;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;

/** pollux header: prints the C header of the ABI. */
@Command(
    name = "header",
    sortOptions = false,
    description = {
      "Prints the C header of the ABI, generated from the layouts that the kernel uses.",
      "Usually: pollux header > pollux_aio.h"
    })
final class HeaderCommand implements Callable<Integer> {
  private final Console console;

  @Mixin final CommonOptions common = new CommonOptions();

  HeaderCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    console.print(CHeader.text());
    return ExitCode.OK;
  }
}
