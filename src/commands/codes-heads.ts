/** The titles and labels of `codes` in each language. */
import type { Language } from '../core/language.ts';

interface Heads {
  readonly answers: string;
  readonly http: string;
  readonly receipts: string;
  readonly ofAnswer: (code: number) => string;
  readonly ofHttp: (code: number, label: string) => string;
  readonly ofReceipt: (code: number) => string;
  /** After the route. */
  readonly of: (scope: string) => string;
  readonly code: string;
  readonly name: string;
  readonly meaning: string;
  readonly remedy: string;
  readonly route: string;
  readonly daemon: string;
}

const SCOPE_ZH: Readonly<Record<string, string>> = {
  message: '短信',
  sender: '发送方',
  account: '账户',
  'sender or account': '发送方或账户',
};

export const HEADS: Readonly<Record<Language, Heads>> = {
  en: {
    answers: 'Status codes of an answer',
    http: 'Answers without one, by HTTP status',
    receipts: 'Codes of a delivery receipt',
    ofAnswer: (code) => `Status ${code} of an answer: `,
    ofHttp: (code, label) => `HTTP ${code} of an answer without a status (rule ${label})`,
    ofReceipt: (code) => `Code ${code} of a delivery receipt: `,
    of: (scope) => `, of the ${scope}`,
    code: 'CODE',
    name: 'NAME',
    meaning: 'meaning',
    remedy: 'remedy',
    route: 'route',
    daemon: 'daemon',
  },
  zh: {
    answers: '应答的状态码',
    http: '没有状态码的应答，按 HTTP 状态',
    receipts: '送达回执的代码',
    ofAnswer: (code) => `应答的状态码 ${code}：`,
    ofHttp: (code, label) => `没有状态码的应答，HTTP ${code}（规则 ${label}）`,
    ofReceipt: (code) => `送达回执的代码 ${code}：`,
    of: (scope) => `（${SCOPE_ZH[scope] ?? scope}）`,
    code: '代码',
    name: '名称',
    meaning: '含义',
    remedy: '处理办法',
    route: '路径',
    daemon: '守护进程',
  },
};
