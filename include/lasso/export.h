// Symbol visibility: the shared library exports the public classes and functions, nothing else.
#ifndef LASSO_EXPORT_H_
#define LASSO_EXPORT_H_

#define LASSO_EXPORT __attribute__((visibility("default")))

#endif  // LASSO_EXPORT_H_
