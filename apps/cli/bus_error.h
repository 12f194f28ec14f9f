// Models are mapped, and reading what a file has lost since then raises SIGBUS.
#ifndef LASSO_CLI_BUS_ERROR_H_
#define LASSO_CLI_BUS_ERROR_H_

namespace lasso::app {

// From now on a read beyond the end of a mapped file ends the process with a message that names the
// file, and the status of a bad model. The library checks sizes before and after it uses a map, and
// throws; this is about files that become shorter in between. Any other SIGBUS does what it always
// does. Files that are being written are given up; see core/file.h for what is left of them.
void install_bus_error_handler();

// In a forked child: the same without the message, which its parent tells.
void silence_bus_errors();

}  // namespace lasso::app

#endif  // LASSO_CLI_BUS_ERROR_H_
