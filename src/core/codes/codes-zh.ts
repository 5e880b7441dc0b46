/**
 * Explains every status, HTTP rule and receipt code in simplified Chinese. A test compares the codes with the English
 * tables. Names of keys, commands and columns stay.
 */
import type { Explanation } from './status-codes.ts';

type ByCode = Readonly<Record<string, Explanation>>;

const words = (meaning: string, remedy: string): Explanation => ({ meaning, remedy });

const NOT_AGAIN = '不要再向此号码发送。';
const LATER = '稍后再发送。';
const SUPPORT = '把 message id 提供给 Vonage 支持人员。';

/** By status of an answer. */
export const STATUS_ZH: ByCode = {
  0: words('网关已接受此部分，并将尝试投递。', '无需处理；回执稍后会说明是否送达。'),
  1: words(
    '每秒发送量超过了账户或发送方允许的上限。',
    '无需处理；如果经常出现，请在配置中调低 rate。',
  ),
  2: words('请求缺少网关要求的参数。', '检查短信的发送方和正文，以及配置中的账户。'),
  3: words('网关不接受某个参数的值。', '查看错误文本，改正短信后重新排队（requeue）。'),
  4: words(
    'API 密钥或密码（secret）错误，或账户已停用。',
    '改正配置中的 api_key 和 api_secret，然后重新加载。',
  ),
  5: words(
    '网关在处理此短信时出错。',
    '无需处理；如果持续出现，请把 trace id 提供给 Vonage 支持人员。',
  ),
  6: words('网关无法路由此短信，常见原因是固定电话号码或错误的号段。', '检查收件人号码。'),
  7: words('收件人已被禁止接收，不会收到短信。', NOT_AGAIN),
  8: words('账户被停用或尚未激活。', '请 Vonage 激活账户，然后恢复（resume）该账户。'),
  9: words('账户余额不足以发送此短信。', '给账户充值；余额足够后会自动继续发送。'),
  10: words(
    '同时打开的请求数超过了账户允许的上限。',
    '无需处理；如果经常出现，请在配置中调低 concurrency。',
  ),
  11: words(
    '该账户只能通过 SMPP 发送，不能使用此 API。',
    '请 Vonage 为账户开通 HTTP，然后恢复（resume）该账户。',
  ),
  12: words(
    '正文或二进制内容超过了网关允许的长度。',
    '缩短短信；二进制内容与头部合计最多 140 个八位字节。',
  ),
  13: words(
    '由于通信故障，网关未能转发此短信。',
    '无需处理；如果持续出现，请把 trace id 提供给 Vonage 支持人员。',
  ),
  14: words('请求的签名与账户不符。', '核对账户的签名方法和签名密钥，以及本机时钟。'),
  15: words(
    '此收件人不允许使用该发送方。',
    '使用账户拥有的号码；美国和加拿大不接受含字母的发送方。',
  ),
  16: words('短信的有效时间超出了网关允许的范围。', '检查短信的 expires_at。'),
  17: words(
    '运营商因内容或政策拦截了此短信。',
    '修改正文或发送方；向 Vonage 支持人员询问拦截原因。',
  ),
  18: words('请求中的收件人数超过了上限。', '每个收件人写一行。'),
  19: words('短信使用了账户未开通的功能。', '不使用该功能，或请 Vonage 开通。'),
  20: words('不接受该短信类别（message class）。', '把 message_class 设为 0 到 3，或不填写。'),
  22: words('网关不接受请求中的网络代码。', '联系 Vonage 支持人员；守护进程不发送网络代码。'),
  23: words('回执地址格式错误或过长。', '改正配置中的地址；它需要协议部分，且最多 100 个字符。'),
  29: words('演示账户只能向其名单中的号码发送。', '把号码加入测试号码名单，或给账户充值。'),
  32: words('请求既有签名又带有密码（secret）。', '请告知本程序的作者；它从不同时发送两者。'),
  33: words('收件人号码已停用。', NOT_AGAIN),
  34: words('收件人缺失或不是电话号码。', '改正收件人：含国家代码的 7 到 15 位数字。'),
};

/** By label of the rule for an HTTP status. */
export const HTTP_ZH: ByCode = {
  '2xx': words(
    '收到的应答无法读取；短信可能已被接受。',
    '检查守护进程与 base_url 之间有什么：代理或过滤器。',
  ),
  '3xx': words('应答是重定向，守护进程不会跟随。', '改正 base_url：它必须指向 API 本身。'),
  '401': words(
    'API 密钥或密码（secret）错误。',
    '改正 api_key 和 api_secret，然后重新加载；sms-spoold check 会显示它们是否正确。',
  ),
  '403': words('base_url 处的服务禁止此请求。', '向 base_url 的运营者询问禁止请求的原因。'),
  '404': words('base_url 的路径上没有 API。', '改正 base_url：该路径没有应答。'),
  '408': words(
    '网关或其前面的代理等待请求超时。',
    '无需处理；如果持续出现，请检查守护进程与 base_url 之间有什么。',
  ),
  '429': words(
    '发送的请求数或同时打开的请求数超过了账户允许的上限。',
    '无需处理；如果经常出现，请在配置中调低 rate 或 concurrency。',
  ),
  '4xx': words(
    '网关或其前面的代理不接受此请求。',
    '在 sms-spoold show 中查看错误文本；检查 base_url 前面有什么。',
  ),
  '5xx': words(
    '网关或其前面的代理出错；短信可能已被接受。',
    '无需处理；如果持续出现，请把 trace id 提供给 Vonage 支持人员。',
  ),
};

/** By `err-code` of a receipt. */
export const RECEIPT_ZH: ByCode = {
  0: words('短信已送达。', '无需处理。'),
  1: words('运营商未说明失败原因。', '检查收件人号码；再发送一次可能有效。'),
  2: words('手机关机或不在服务区。', LATER),
  3: words('号码已停用。', NOT_AGAIN),
  4: words('收件人屏蔽了该发送方的短信。', NOT_AGAIN),
  5: words('号码已转到其他运营商，无法路由。', SUPPORT),
  6: words('运营商将此短信判为垃圾短信。', '修改正文或发送方。'),
  7: words('手机当时无法接收短信。', LATER),
  8: words('运营商的网络出现故障。', LATER),
  9: words('收件人已要求不再接收该发送方的短信（STOP）。', NOT_AGAIN),
  10: words('运营商拒绝了短信的某个参数。', '检查发送方、类型和正文。'),
  11: words('没有到此号码的路由。', '检查收件人号码；向 Vonage 支持人员询问是否支持该网络。'),
  12: words('短信无法到达目的地。', '检查收件人号码。'),
  13: words('运营商不向该年龄的收件人投递此内容。', '修改正文，或不向此号码发送。'),
  14: words('运营商屏蔽了此号码。', '收件人需要联系其运营商。'),
  15: words('预付费收件人的余额不足，无法接收短信。', '无需处理；收件人需要充值。'),
  16: words('该发送方或活动达到了每日上限。', '次日再发送，或申请提高上限。'),
  50: words('注册实体（DLT）缺失或错误。', '按注册内容设置 entity_id。'),
  51: words('发送方未注册（DLT）。', '使用已注册的发送方。'),
  52: words('正文与注册模板不符（DLT）。', '按注册内容设置 content_id，并遵循模板。'),
  53: words('收件人的同意未注册（DLT）。', '注册收件人的同意。'),
  54: words('以意料之外的方式违反了监管规定（DLT）。', SUPPORT),
  95: words('投递失败，原因不明。', SUPPORT),
  99: words('到运营商的路由失败。', '再发送一次可能有效；如果持续出现，请联系 Vonage 支持人员。'),
};

/** A code that no list names. */
export const UNKNOWN_ZH = words(
  'Vonage 公布的任何列表都没有此代码。',
  '查看错误文本；把 trace id 或 message id 提供给 Vonage 支持人员。',
);
