#include "scn_kernels.h"
