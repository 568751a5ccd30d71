#ifndef SCN_H
#define SCN_H
#endif
