// Measuring one process after another.
#ifndef LASSO_CLI_MODEL_IDLE_THREADS_H_
#define LASSO_CLI_MODEL_IDLE_THREADS_H_

namespace lasso::app {

// Returns when this process's threads sleep, or after a tenth of a second: those of OpenMP spin for
// a while before they do, and would disturb what another process measures.
void wait_for_idle_threads();

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_IDLE_THREADS_H_
