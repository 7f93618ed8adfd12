#pragma once

/* What each command does; each returns what to exit with. */

struct ctl;

int ctl_run_status(struct ctl *ctl);
int ctl_run_modules(struct ctl *ctl);
int ctl_run_watch(struct ctl *ctl);
int ctl_run_check(struct ctl *ctl);
int ctl_run_update(struct ctl *ctl);
int ctl_run_install(struct ctl *ctl);
int ctl_run_cancel(struct ctl *ctl);
int ctl_run_rollback(struct ctl *ctl);
int ctl_run_hold(struct ctl *ctl);
int ctl_run_release(struct ctl *ctl);
int ctl_run_history(struct ctl *ctl);
int ctl_run_stats(struct ctl *ctl);
int ctl_run_device_list(struct ctl *ctl);
int ctl_run_device_add(struct ctl *ctl);
int ctl_run_device_remove(struct ctl *ctl);
