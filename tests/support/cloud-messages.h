#pragma once

/* Identities, topics and pieces of messages for cloud_receive(), in single
 * quotes as there. */

#define MD5 "5d41402abc4b2a76b9719d911017c592"
#define SHA256 \
	"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define MAX_SIZE "1000000"

#define IOTGO                                                                  \
	"{'product_key':'pk','device_name':'gw','modules':['default','x86'],"  \
	"'sub_devices':[{'id':'oven','product_key':'p2','device_name':'o1',"   \
	"'modules':['mcu']}],'options':{'max_image_size':" MAX_SIZE "}}"
#define TENCENT                                                                \
	"{'product_id':'PID','device_name':'gw','modules':['default','mcu'],"  \
	"'sub_devices':[{'id':'lamp','product_id':'LID','device_name':'l1'},"  \
	"{'id':'lamp2','product_id':'LID','device_name':'l2'}]}"
#define HANQI                                                                  \
	"{'gateway_id':'HQ','modules':['default'],"                            \
	"'sub_devices':[{'id':'timer'},{'id':'odd','modules':['x']}]}"
#define EZTCLOUD                                                               \
	"{'username':'DU','modules':['main','gps'],"                           \
	"'sub_devices':[{'id':'dev','addr':['D1']},"                           \
	"{'id':'leaf','addr':['1','2','3','4'],'modules':['mcu']}]}"
#define SAGOO                                                                  \
	"{'product_key':'pk','device_key':'dk','modules':['default','MCU'],"   \
	"'sub_devices':[{'id':'sub','product_key':'p2','device_key':'d2',"     \
	"'modules':['MCU']}]}"

#define IOTGO_PUSH "/ota/device/upgrade/pk/gw"
#define IOTGO_REPLY "/sys/pk/gw/thing/ota/firmware/get_reply"
#define TENCENT_DOWN "$ota/update/PID/gw"
#define HANQI_DOWN "hanqi/gateway/HQ/command"
#define EZT_DOWN "command_send/DU"
#define EZT_GATEWAY "gateway_command_send/DU"
#define EZT_SUB "sub_command_send/DU"
#define SAGOO_PUSH "/ota/device/upgrade/pk/dk"
#define SAGOO_REPLY "/sys/pk/dk/thing/ota/firmware/get_reply"

#define URL "'url':'https://h/f'"
#define PACKAGE "'version':'2'," URL ",'size':10"
#define SIGNED PACKAGE ",'sign':'" MD5 "'"
#define SAGOO_SIGNED SIGNED ",'signMethod':'md5'"
#define TENCENT_UPDATE                                                         \
	"'type':'update_firmware','version':'2'," URL                          \
	",'md5sum':'" MD5 "','file_size':10"
#define HANQI_DATA                                                             \
	"'data':{'version':'2','firmwareUrl':'https://h/f','md5':'" MD5 "'}"
#define EZT_PARAMS                                                             \
	"'params':{'upgrade':true,'version':'2'," URL ",'size':10,'md5':'" MD5 \
	"'}"
#define EZT_COMMAND "'command':{'method':'otaUpgrade'," EZT_PARAMS "}"
